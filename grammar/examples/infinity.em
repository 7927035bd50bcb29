model M
let y = [inf, -inf]
