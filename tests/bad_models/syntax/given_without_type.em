model M
plate n in N
given X[n]
param b : real
