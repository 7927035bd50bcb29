model M
let y = sum(exp(x), k)
