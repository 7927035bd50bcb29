model M
plate n in N
given X[n] : real[P]
param b : real[P]
let eta[n] = X[n] @ b
