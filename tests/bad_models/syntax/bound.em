model M
param s : real<lower=0>
