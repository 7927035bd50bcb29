model M
let y = [[1/2, p/4], [(1-p)/4, 0]]
