package linuxnet

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/cumulite/cumulite/drivers/linuxnet/filter"
	"github.com/cumulite/cumulite/drivers/linuxnet/namespace"
)

// Clear takes away all that drivers with this state directory and these
// options ever made, on the host and on disk, and nothing else. No driver may
// be open.
func Clear(stateDir string, opts *Options) error {
	var o Options
	if opts != nil {
		o = *opts
	}
	o, err := o.filled()
	if err != nil {
		return err
	}
	lock, err := take(stateDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	space, err := namespace.Open(o.Namespace)
	if err != nil {
		return err
	}
	defer space.Close() //nolint:errcheck // it stays
	n := namesOf(o.Prefix, stateDir)
	err = errors.Join(clearLinks(space, n), clearSpaces(n), filter.Remove(space, n.filter()))
	if err != nil {
		return err
	}
	return clearState(stateDir)
}

func clearLinks(space *namespace.Space, n names) error {
	all, err := namespace.Whole(space.Links.LinkList)
	if err != nil {
		return err
	}
	ours := n.ours()
	var failed error
	for _, l := range all {
		if name := l.Attrs().Name; ours.MatchString(name) {
			failed = errors.Join(failed, remove(space, name)) // again by name: it may have gone with its other end
		}
	}
	return failed
}

func clearSpaces(n names) error {
	all, err := namespace.List(n.isSpace)
	for _, name := range all {
		err = errors.Join(err, namespace.Remove(name))
	}
	return err
}

func clearState(dir string) error {
	var failed error
	for _, kind := range []string{"networks", "ports", "groups", "routers", "metadata", "lock"} {
		failed = errors.Join(failed, os.RemoveAll(filepath.Join(dir, kind)))
	}
	if failed == nil {
		os.Remove(dir) // unless someone else keeps something there
	}
	return failed
}
