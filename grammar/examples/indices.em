model M
plate k in 3
param A[k] : simplex[3]
fix A[0, 2] = 0
fix A[1] = [1, 0, 0]
