model M
let y = A %*% B
