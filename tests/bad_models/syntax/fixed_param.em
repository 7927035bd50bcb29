model M
param A[0] : simplex[K]
