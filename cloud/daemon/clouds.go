package daemon

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cumulite/cumulite/platform/durable"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
	"github.com/cumulite/cumulite/platform/yaml"
)

// The two clouds of clouds.yaml: the administrator's, and that of a member of
// a project of its own.
const (
	adminCloud  = "cumulite-admin"
	memberCloud = "cumulite"
)

const cloudsFile = "clouds.yaml"

// account is how one user logs in.
type account struct {
	Cloud, User, Project string
	Password             secret.String
	fresh                bool // the password is not that of an earlier start
}

// accounts gives the administrator and the member, with the passwords of an
// earlier start where path has them.
func accounts(path string, admin secret.String) (all []account, err error) {
	known, err := readClouds(path)
	if err != nil {
		return nil, err
	}
	all = []account{{Cloud: adminCloud, User: "admin", Project: "admin"}, {Cloud: memberCloud, User: "cumulite", Project: "cumulite"}}
	for i := range all {
		a, before := &all[i], secret.New(known[all[i].Cloud]["password"])
		a.Password = before
		if a.Cloud == adminCloud && !admin.IsZero() {
			a.Password = admin
		}
		if a.Password.IsZero() {
			a.Password = secret.New(rand.Text())
		}
		a.fresh = !a.Password.Equal(before)
	}
	return all, nil
}

// readClouds gives how to log in at each cloud of a clouds.yaml, as it stands
// there; none when there is no file.
func readClouds(path string) (map[string]map[string]string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, errs.Invalidf("cannot read the passwords of an earlier start: %v", err)
	}
	var doc struct {
		Clouds map[string]struct {
			Auth map[string]string
			Rest map[string]any `yaml:",inline"`
		}
	}
	if err := yaml.Decode(data, &doc); err != nil {
		return nil, errs.Invalidf("%s: %v", path, err)
	}
	clouds := map[string]map[string]string{}
	for name, cloud := range doc.Clouds {
		clouds[name] = cloud.Auth
	}
	return clouds, nil
}

// writeClouds writes a clouds.yaml for openstack and its kin, for its owner only.
func writeClouds(path, url, region string, all []account) error {
	var b bytes.Buffer
	b.WriteString("clouds:\n")
	for _, a := range all {
		fmt.Fprintf(&b, "  %s:\n    auth:\n      auth_url: %q\n      username: %q\n      password: %q\n      project_name: %q\n"+
			"      user_domain_id: default\n      project_domain_id: default\n    region_name: %q\n    identity_api_version: 3\n",
			a.Cloud, url+"/identity", a.User, a.Password.Reveal(), a.Project, region)
	}
	return durable.Write(path, b.Bytes())
}
