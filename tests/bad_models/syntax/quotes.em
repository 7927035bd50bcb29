model M
let y = "text"
