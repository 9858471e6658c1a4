package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// shared measures creates of two controllers on the PostgreSQL that -database names.
func (b *bench) shared(ctx context.Context) (err error) {
	if b.database == "" {
		return fmt.Errorf("say with -database which PostgreSQL to use, with an empty database")
	}
	var clouds []*cumulited
	defer func() {
		for _, d := range clouds {
			err = d.stop(err)
		}
	}()
	for n := range 2 {
		d, err := b.launchBig(ctx, "--database", b.database, "--keys", filepath.Join(b.dir, "keys"), "--images", filepath.Join(b.dir, "images"),
			"--state-dir", fmt.Sprintf("%s/controller%d", b.dir, n), "--host", fmt.Sprintf("sim%d", n))
		if err != nil {
			return err
		}
		clouds = append(clouds, d)
	}
	s, err := clouds[0].furnish(ctx)
	if err != nil {
		return err
	}
	return b.load(ctx, clouds, s, false, "create to ACTIVE, two controllers on PostgreSQL")
}
