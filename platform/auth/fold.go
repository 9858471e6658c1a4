package auth

import "strings"

// HasRoleFold is HasRole with letters of either case, as policy rules compare
// role names. A user's role called "Service" is still not the service role.
func (g Grant) HasRoleFold(name string) bool {
	if strings.EqualFold(name, ServiceRole) {
		return g.HasRole(ServiceRole)
	}
	for _, r := range g.claims().Roles {
		if strings.EqualFold(r.Name, name) {
			return true
		}
	}
	return false
}
