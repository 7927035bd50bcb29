model M
plate n in N
given X[n] : real
y[n] = 2*X[n]
