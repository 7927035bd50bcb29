model M
param theta : real ~ Normal(0, sd=1)
latent z ~ Normal(theta, sd=1)
factorise q(z) q(theta)
