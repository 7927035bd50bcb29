model Size
plate n in N
given size[n] : count
param w : simplex[size]
observed x[n] ~ Categorical(w)
