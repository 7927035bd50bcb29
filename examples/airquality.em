# A multivariate normal law, some entries of some rows missing at random and integrated out.
model AirQuality()
plate n in N
param mean : real[D]
param cov  : cov[D]
observed x[n] missing ~ MvNormal(mean, cov=cov)
