package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cumulite/cumulite/cloud"
	"github.com/cumulite/cumulite/cloud/cloudapi"
	"github.com/cumulite/cumulite/cloud/cloudclient"
	"github.com/cumulite/cumulite/platform/doctor"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/secret"
)

// doctorCommand examines a cloud: through its API when it runs, and its
// directory when it is at rest.
type doctorCommand struct {
	Repair bool `help:"Mend what does not hold and can be mended."`
	Deep   bool `help:"Read all bytes of images, too, and compare their checksums."`
	JSON   bool `name:"json" help:"Write the report as JSON."`
}

func (d *doctorCommand) do(ctx context.Context, p program) error {
	report, err := d.examine(ctx, p)
	if err != nil {
		return err
	}
	if d.JSON {
		err = json.NewEncoder(p.out).Encode(report)
	} else {
		err = write(p.out, report)
	}
	if err != nil || report.Held {
		return err
	}
	broken := 0
	for _, inv := range report.Invariants {
		if !inv.Held {
			broken++
		}
	}
	return fmt.Errorf("%d of %d invariants do not hold", broken, len(report.Invariants))
}

func (d *doctorCommand) examine(ctx context.Context, p program) (cloudapi.Report, error) {
	if p.Ephemeral {
		return cloudapi.Report{}, errs.Invalidf("an ephemeral cloud cannot be examined from outside: name the state directory of another")
	}
	report, err := cloud.ExamineAtRest(ctx, options(p.Config, p.drivers, newLogger(p.LogLevel), nil), doctor.Options{Repair: d.Repair, Deep: d.Deep})
	if !errors.Is(err, cloud.ErrInUse) {
		return cloudapi.Show(report), err
	}
	c, err := operator(p.Config)
	if err != nil {
		return cloudapi.Report{}, err
	}
	return c.Doctor(ctx, cloudapi.Order{Repair: d.Repair, Deep: d.Deep})
}

// operator speaks to the running cloud of this configuration as its administrator.
func operator(c Config) (*cloudclient.Client, error) {
	path := filepath.Join(c.keysDir(), cloudsFile)
	clouds, err := readClouds(path)
	if err != nil {
		return nil, err
	}
	login := clouds[adminCloud]
	if login == nil {
		return nil, errs.Invalidf("%s does not say how to log in at the running cloud", path)
	}
	at := login["auth_url"]
	if c.PublicURL != "" {
		at = c.PublicURL + "/identity"
	}
	client := &cloudclient.Client{AuthURL: at, User: login["username"], Project: login["project_name"], Password: secret.New(login["password"])}
	if c.TLSCert == "" {
		return client, nil
	}
	client.CA, err = os.ReadFile(c.TLSCert)
	if err != nil {
		return nil, errs.Invalidf("cannot load the TLS certificate: %v", err)
	}
	return client, nil
}

// write writes a report for people to read.
func write(out io.Writer, report cloudapi.Report) error {
	var all []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(out, format+"\n", args...)
		all = append(all, err)
	}
	for _, inv := range report.Invariants {
		state := "held"
		if !inv.Held {
			state = "NOT HELD"
		}
		line("%-9s %-22s %s", state, inv.Name, inv.Promise)
		if inv.Error != "" {
			line("          it could not be examined: %s", inv.Error)
		}
		for _, f := range inv.Findings {
			line("          %s: %s%s", f.Object, f.Says, outcome(f))
		}
	}
	return errors.Join(all...)
}

func outcome(f cloudapi.Finding) string {
	switch {
	case f.Mended:
		return " (mended)"
	case f.Failed != "":
		return " (not mended: " + f.Failed + ")"
	}
	return ""
}
