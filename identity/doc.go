// Package identity is the identity service: domains, projects, users, roles,
// the catalogue and tokens (Keystone, Identity API v3).
//
//	ids, err := identity.New(identity.Deps{DB: db, Clock: clk, Events: bus, Keys: keys}, nil)
//	err = ids.Bootstrap(ctx, identity.Bootstrap{Password: password, Region: "RegionOne"})
//	issued, err := ids.Authenticate(ctx, identity.Credentials{Password: &identity.PasswordMethod{…}}, identity.Scope{…})
//	grant, err := ids.Verify(ctx, issued.Text)
//
// It is an auth.Verifier, and with its client the only maker of grants.
// Passwords are kept as hashes in a table of their own; issuing a token
// writes nothing.
package identity
