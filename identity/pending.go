package identity

import (
	"context"
	"sync"
)

// pending knows the users whose passwords Bootstrap is about to store.
type pending struct {
	mu    sync.Mutex
	users map[string]chan struct{}
}

// begin has store run beside the caller, unless it runs for that user already.
func (p *pending) begin(userID string, store func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users[userID] != nil {
		return
	}
	if p.users == nil {
		p.users = map[string]chan struct{}{}
	}
	done := make(chan struct{})
	p.users[userID] = done
	go func() {
		store()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.users, userID)
		close(done)
	}()
}

// await waits until nothing is about to be stored for the user.
func (p *pending) await(ctx context.Context, userID string) error {
	p.mu.Lock()
	done := p.users[userID]
	p.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
