package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/cumulite/cumulite/"

// root is the top of the checkout, as seen from this package's folder.
var root = filepath.Join("..", "..")

// source is one Go file of the project.
type source struct {
	path  string // relative to root, with slashes
	dir   string
	test  bool // a _test.go file
	ast   *ast.File
	lines int // all of them
	code  int // those that hold code, not only a comment or nothing
}

// sources parses every Go file below root.
func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	fset := token.NewFileSet()
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "build" || (strings.HasPrefix(d.Name(), ".") && name != root)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		all = append(all, source{path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), ast: file,
			lines: bytes.Count(text, []byte("\n")), code: codeLines(text)})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return fset, all
}

// codeLines counts the lines of text on which some token begins.
func codeLines(text []byte) int {
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(text))
	var scan scanner.Scanner
	scan.Init(file, text, nil, 0)
	seen := map[int]bool{}
	for {
		pos, tok, literal := scan.Scan()
		if tok == token.EOF {
			return len(seen)
		}
		if tok != token.SEMICOLON || literal == ";" {
			seen[file.Line(pos)] = true
		}
	}
}

// exemptions reads exemptions.txt: one finding a line, # begins a comment.
func exemptions(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("exemptions.txt")
	require.NoError(t, err)
	all := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			all[line] = true
		}
	}
	return all
}

// report fails for findings of rule that are not exempted, and for
// exemptions of rule that are no findings any more.
func report(t *testing.T, rule string, findings []string) {
	t.Helper()
	exempt := exemptions(t)
	sort.Strings(findings)
	seen := map[string]bool{}
	for _, f := range findings {
		key := strings.Join(strings.Fields(f)[:min(3, len(strings.Fields(f)))], " ")
		seen[key] = true
		if !exempt[key] {
			t.Errorf("%s", f)
		}
	}
	for line := range exempt {
		if strings.HasPrefix(line, rule+" ") && !seen[line] {
			t.Errorf("exemptions.txt: %q exempts nothing any more: take it out", line)
		}
	}
}
