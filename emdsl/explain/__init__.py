"""What the compiler decided and why, as a table and as mathematics; read from the objects that the code comes from."""
