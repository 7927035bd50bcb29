model M
let y = mu[z[n], 0]
