// Package identity is the identity service: domains, projects, users, roles,
// the catalogue and tokens (Keystone, Identity API v3).
//
//	ids, err := identity.New(identity.Deps{DB: db, Clock: clk, Events: bus, Keys: keys}, nil)
//	err = ids.Bootstrap(ctx, identity.Bootstrap{Password: password, Services: services})
//	go ids.Run(ctx)
//	issued, err := ids.Authenticate(ctx, identity.Credentials{Password: &identity.PasswordMethod{
//		User: identity.Lookup{Name: "admin", DomainID: identity.DefaultDomain}, Password: password,
//	}}, identity.Scope{Project: identity.Lookup{Name: "admin", DomainID: identity.DefaultDomain}})
//	grant, err := ids.Verify(ctx, issued.Text)
//
// It is an auth.Verifier, and with its client the only maker of grants.
// Passwords are kept as hashes in a table of their own; issuing a token
// writes nothing.
//
// What a token allows is computed from the rows as they are when it is
// verified, and remembered until anything in identity changes: every change
// raises a revision in its own transaction, which this process knows at the
// commit and others within half a second. A change therefore holds for all
// tokens at once: a role taken away is gone, a user disabled is out.
package identity
