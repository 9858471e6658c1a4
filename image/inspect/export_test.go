package inspect

// Kept returns how many bytes an Inspector holds.
func Kept(i *Inspector) int { return cap(i.head) + cap(i.tail.buf) + cap(i.region) }
