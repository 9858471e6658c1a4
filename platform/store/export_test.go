package store

// Calls gives how many calls of Write are under way, for tests that need to
// know that a transaction waits for its turn.
func Calls(s *Store) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Closed tells whether Close was called.
func Closed(s *Store) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
