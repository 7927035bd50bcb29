model Mixture
