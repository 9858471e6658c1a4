package identityapi

import (
	"encoding/json"

	"github.com/cumulite/cumulite/identity"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// authRequest is the body of POST /auth/tokens. What it has beside this is
// not looked at, as in Keystone.
type authRequest struct {
	Auth *struct {
		Identity identityIn `json:"identity" api:"required"`
		Scope    *scopeIn   `json:"scope"`
	} `json:"auth"`
}

type identityIn struct {
	Methods  []string `json:"methods" api:"required"`
	Password *struct {
		User *userIn `json:"user"`
	} `json:"password"`
	Token *struct {
		ID secret.String `json:"id" api:"required"`
	} `json:"token"`
	Others map[string]unread `json:"-" api:"inline"` // the data of methods that there are not
}

type userIn struct {
	refIn
	Domain   *refIn        `json:"domain"`
	Password secret.String `json:"password"`
}

// refIn names something by its id or by its name.
type refIn struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// scopeIn is what the token shall be for: an object with one name, or "unscoped".
type scopeIn struct {
	Project *projectIn
	Domain  *refIn
	System  *systemBody
	names   []string // those of the object that are known
}

type projectIn struct {
	refIn
	Domain *refIn `json:"domain"`
}

// JSONSchema implements wire.Schemer.
func (scopeIn) JSONSchema() map[string]any {
	text := map[string]any{"type": "string"}
	ref := map[string]any{"id": text, "name": text}
	domain := map[string]any{"type": "object", "properties": ref}
	project := map[string]any{"type": "object", "properties": map[string]any{"id": text, "name": text, "domain": domain}}
	system := map[string]any{"type": "object", "properties": map[string]any{"all": map[string]any{"type": "boolean"}}}
	return map[string]any{"type": []any{"object", "string"}, "properties": map[string]any{"project": project, "domain": domain, "system": system}}
}

// UnmarshalJSON implements json.Unmarshaler. Old clients write {"unscoped": {}} for "unscoped".
func (s *scopeIn) UnmarshalJSON(b []byte) error {
	var word string
	if json.Unmarshal(b, &word) == nil {
		s.names = []string{word}
		return nil
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	for _, name := range []string{"system", "project", "domain", "OS-TRUST:trust", "unscoped"} {
		value, there := parts[name]
		if !there {
			continue
		}
		s.names = append(s.names, name)
		if to := map[string]any{"system": &s.System, "project": &s.Project, "domain": &s.Domain}[name]; to != nil {
			if err := json.Unmarshal(value, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// read gives what the service asks for, or says what is wrong in Keystone's words.
func (in *authRequest) read() (c identity.Credentials, s identity.Scope, err error) {
	if in.Auth == nil {
		return c, s, lacks("auth", "request body")
	}
	if c, err = in.Auth.Identity.read(); err != nil || in.Auth.Scope == nil {
		return c, s, err
	}
	s, err = in.Auth.Scope.read()
	return c, s, err
}

func (in identityIn) read() (c identity.Credentials, err error) {
	for _, method := range in.Methods {
		_, other := in.Others[method]
		switch {
		case method == "password" && in.Password != nil:
			if c.Password, err = in.Password.User.read(); err != nil {
				return c, err
			}
		case method == "token" && in.Token != nil:
			c.Token = &in.Token.ID
		case other:
			return c, errs.New(errs.Unauthenticated, "Attempted to authenticate with an unsupported method.")
		default:
			return c, lacks(method, "identity")
		}
	}
	return c, nil
}

func (in *userIn) read() (*identity.PasswordMethod, error) {
	if in == nil {
		return nil, lacks("user", "password")
	}
	user, err := in.lookup("identity/password/user", in.Domain)
	return &identity.PasswordMethod{User: user, Password: in.Password}, err
}

func (s *scopeIn) read() (out identity.Scope, err error) {
	if len(s.names) != 1 {
		return out, lacks("system, project, domain, OS-TRUST:trust or unscoped", "scope")
	}
	switch name := s.names[0]; {
	case name == "unscoped":
		out.Unscoped = true
	case name == "system" && s.System != nil && s.System.All:
		out.System = true
	case name == "project" && s.Project != nil:
		out.Project, err = s.Project.lookup("scope/project", s.Project.Domain)
	case name == "domain" && s.Domain != nil:
		out.Domain, err = s.Domain.lookup("scope/domain", nil)
	default:
		return out, errs.Invalidf("Invalid input for field 'scope': there is no such scope.")
	}
	return out, err
}

// lookup gives what a reference means, by its name in a domain.
func (in *refIn) lookup(field string, domain *refIn) (identity.Lookup, error) {
	out := identity.Lookup{ID: in.ID, Name: in.Name}
	if domain != nil {
		out.DomainID, out.DomainName = domain.ID, domain.Name
		if *domain == (refIn{}) {
			field += "/domain"
		}
	}
	if *in == (refIn{}) || domain != nil && *domain == (refIn{}) {
		return out, errs.Invalidf("Invalid input for field %s: id or name must be present.", field)
	}
	return out, nil
}

// lacks says that something is not in a body.
func lacks(what, where string) error {
	return errs.Invalidf("Expecting to find %s in %s. The server could not comply with the request since it is either malformed or otherwise incorrect. "+
		"The client is assumed to be in error.", what, where)
}
