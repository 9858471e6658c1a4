package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cumulite/cumulite/platform/store/sqlite"
)

// many measures creates and lists beside very many servers.
func (b *bench) many(ctx context.Context) error {
	dir := b.dir + "/many"
	d, s, err := b.furnished(ctx, dir)
	if err != nil {
		return err
	}
	if err := b.load(ctx, []*cumulited{d}, s, false, "create to ACTIVE beside none"); err != nil {
		return d.stop(err)
	}
	if err := d.stop(nil); err != nil {
		return err
	}
	if err := multiply(ctx, dir, b.existing); err != nil {
		return err
	}
	if d, err = b.launchBig(ctx, "--state-dir", dir); err != nil {
		return err
	}
	report(fmt.Sprintf("start with %d servers: exec to the first 200", b.existing), "%.0f ms", ms(d.first))
	s.url = d.url
	if err := b.load(ctx, []*cumulited{d}, s, false, fmt.Sprintf("create to ACTIVE beside %d", b.existing)); err != nil {
		return d.stop(err)
	}
	return d.stop(s.pages(ctx, b.existing))
}

// pages measures pages of a long list of servers: the first, and one behind a marker.
func (s *site) pages(ctx context.Context, existing int) error {
	var page struct{ Servers []struct{ ID string } }
	if err := s.call(ctx, "GET", "/compute/v2.1/servers?limit=1000", nil, &page); err != nil {
		return err
	}
	for _, c := range []struct{ what, query string }{
		{"100 servers in full, the first page", "limit=100"},
		{"100 servers in full, behind a marker", "limit=100&marker=" + page.Servers[len(page.Servers)-1].ID},
		{"100 servers in full, by name", "limit=100&name=bench&sort_key=created_at&sort_dir=asc"},
		{"1000 servers in full", "limit=1000"},
	} {
		var all []time.Duration
		for range 11 {
			began := time.Now()
			if err := s.call(ctx, "GET", "/compute/v2.1/servers/detail?"+c.query, nil, nil); err != nil {
				return err
			}
			all = append(all, time.Since(began))
		}
		report(fmt.Sprintf("%s, of %d", c.what, existing), "%s", milliseconds(all))
	}
	return nil
}

// furnished starts a cloud that has what a server needs.
func (b *bench) furnished(ctx context.Context, dir string) (*cumulited, *site, error) {
	d, err := b.launchBig(ctx, "--state-dir", dir)
	if err != nil {
		return nil, nil, err
	}
	s, err := d.furnish(ctx)
	if err != nil {
		return nil, nil, d.stop(err)
	}
	return d, s, nil
}

// multiply makes n more of a server that a stopped cloud has, each with its
// action, its guest, its claim and its part of the quota.
func multiply(ctx context.Context, dir string, n int) error {
	engine, err := sqlite.Open(filepath.Join(dir, "state.db"), nil)
	if err != nil {
		return err
	}
	defer func() { _ = engine.Close() }()
	db := engine.Writer()
	var template string
	if err := db.QueryRowContext(ctx, "SELECT id FROM compute_servers WHERE vm_state = 'active' ORDER BY number LIMIT 1").Scan(&template); err != nil {
		return err
	}
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	for _, statement := range []string{
		"CREATE TEMPORARY TABLE more AS " + numbers + "SELECT i, lower(printf('%%08x-0000-4000-8000-%%012x', abs(random()) %% 4294967296, i)) AS id FROM n",
		"UPDATE compute_numbers SET last = last + 100000 + %d",
		"UPDATE quota_usage SET used = used + %[1]d * (CASE resource WHEN 'ram' THEN 64 ELSE 1 END) WHERE resource IN ('instances', 'cores', 'ram')",
		"UPDATE compute_hosts SET servers = servers + %[1]d, used_vcpus = used_vcpus + %[1]d, used_memory_mib = used_memory_mib + 64 * %[1]d, used_disk_gib = used_disk_gib + %[1]d",
	} {
		if _, err := db.ExecContext(ctx, fmt.Sprintf(statement, n)); err != nil {
			return err
		}
	}
	err = errors.Join(
		clone(ctx, db, "compute_servers", "old.id = '"+template+"'", map[string]string{"id": "more.id", "number": "100000 + (SELECT MAX(number) FROM compute_servers) + more.i", "operation": "''"}),
		clone(ctx, db, "compute_actions", "old.server_id = '"+template+"'", map[string]string{"id": "'0' || substr(more.id, 2)", "server_id": "more.id"}),
		clone(ctx, db, "compute_action_events", "old.action_id IN (SELECT id FROM compute_actions WHERE server_id = '"+template+"')", map[string]string{"action_id": "'0' || substr(more.id, 2)"}),
	)
	if err != nil {
		return err
	}
	return multiplyGuests(ctx, db, dir, template)
}

// clone copies the rows of a table once for each of the new servers, with
// these columns as they are given.
func clone(ctx context.Context, db *sql.DB, table, which string, columns map[string]string) error {
	rows, err := db.QueryContext(ctx, "SELECT name FROM pragma_table_info('"+table+"')")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var names, values []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		value := columns[name]
		if value == "" {
			value = "old." + name
		}
		names, values = append(names, name), append(values, value)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %[1]s AS old, more WHERE %[4]s",
		table, strings.Join(names, ", "), strings.Join(values, ", "), which))
	return err
}

// multiplyGuests gives the simulated host the guests of the new servers.
func multiplyGuests(ctx context.Context, db *sql.DB, dir, template string) error {
	found, err := filepath.Glob(dir + "-host/simulated/*/guests.journal")
	if err != nil || len(found) != 1 {
		return fmt.Errorf("journals of guests: %v, %w", found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	var guest []byte
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(template)) {
			guest = line
		}
	}
	rows, err := db.QueryContext(ctx, "SELECT id FROM more")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	out := bytes.NewBuffer(text)
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		out.Write(bytes.ReplaceAll(guest, []byte(template), []byte(id)))
	}
	return errors.Join(rows.Err(), os.WriteFile(found[0], out.Bytes(), 0o600))
}
