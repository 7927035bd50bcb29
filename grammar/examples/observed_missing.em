model M
plate n in N
param mu : real
observed x[n] missing : real ~ Normal(mu, sd=1)
