model M
let y = sum(x, axis=1)
