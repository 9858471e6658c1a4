// Package identity is the Identity service (Keystone): users, projects,
// domains, roles and who has them where, tokens, and the catalogue of services.
//
//	users, err := identity.New(identity.Deps{DB: db, Clock: clk, Events: bus, Keys: keys}, nil)
//	err = users.Bootstrap(ctx, identity.BootstrapSpec{AdminPassword: password, Region: "RegionOne", …})
//	token, err := users.Authenticate(ctx, identity.Credentials{Password: &identity.PasswordLogin{User: admin, Password: password}})
//	grant, err := users.Verify(ctx, token.Text)      // what every other service asks, an auth.Verifier
//	projects, more, err := users.ListProjects(auth.With(ctx, grant), store.Query{})
//
// Tokens are not stored: they are Fernet tokens in Keystone's format. What a
// token grants is worked out from the rows, and worked out again whenever any
// of them has changed: each change raises a revision in its own transaction,
// and grants of an older revision are not believed.
//
// Lower services learn of projects and users that are gone by the events
// identity.project.deleted, identity.user.deleted, identity.domain.deleted.
//
// Groups, inherited assignments, application credentials, trusts, federation
// and projects that act as domains are not served.
package identity
