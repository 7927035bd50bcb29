model ObservedChain
time t in T
plate k in K
param start : simplex[K]
param A[k] : simplex[K]
observed y[0] ~ Categorical(start)
observed y[t] ~ Categorical(A[y[t-1]])
