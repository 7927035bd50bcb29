model M {
plate n in N
}
