model M
plate n in N
given x[n] : float
