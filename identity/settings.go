package identity

import (
	"maps"
	"slices"

	"github.com/cumulite/cumulite/platform/errs"
)

// Settings are the options of a resource, by their names in the API.
type Settings map[string]bool

// The options that change what the service does.
const (
	// Immutable keeps a domain, project or role from being changed or deleted until it is set to false.
	Immutable = "immutable"
	// LockPassword keeps users from changing their own password.
	LockPassword = "lock_password"
)

// userOptions are the options of users. Those beside LockPassword are about
// rules that this service does not have.
var userOptions = []string{LockPassword, "ignore_change_password_upon_first_use", "ignore_password_expiry",
	"ignore_lockout_failure_attempts", "ignore_user_inactivity", "multi_factor_auth_enabled"}

// UserOptions gives the names of the options that users can have.
func UserOptions() []string { return slices.Clone(userOptions) }

// with gives o with changes, of which nil takes an option away.
func (o Settings) with(changes map[string]*bool, known ...string) (Settings, error) {
	out := maps.Clone(o)
	if out == nil {
		out = Settings{}
	}
	for name, value := range changes {
		switch {
		case !slices.Contains(known, name):
			return nil, errs.Invalidf("Invalid input for field 'options': there is no option '%.64s'", name)
		case value == nil:
			delete(out, name)
		default:
			out[name] = *value
		}
	}
	return out, nil
}

// change is with for a resource that may be immutable: then it is refused
// unless it ends that.
func (o Settings) change(noun, id string, changes map[string]*bool) (Settings, error) {
	out, err := o.with(changes, Immutable)
	if err == nil && o[Immutable] && out[Immutable] {
		err = errs.Forbiddenf(`Unable to update immutable %s resource: %s. Set resource option "immutable" to false first.`, noun, id)
	}
	return out, err
}

// deletable refuses to delete what is immutable.
func (o Settings) deletable(noun, id string) error {
	if o[Immutable] {
		return errs.Forbiddenf(`Unable to delete immutable %s resource: %s. Set resource option "immutable" to false first.`, noun, id)
	}
	return nil
}
