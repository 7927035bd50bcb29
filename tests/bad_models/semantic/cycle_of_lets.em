model Circle
plate n in N
let a = b + 1
let b = c + 1
let c = a + 1
observed x[n] ~ Normal(a, sd=1)
