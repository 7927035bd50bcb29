model M
let y = [0.5, .5, 5., 1e-3, 2.5E+6]
