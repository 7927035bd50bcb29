model M
plate k in K
param A[k : simplex[K]
