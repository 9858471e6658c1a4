package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// banned calls: package and name, and the folders (prefixes) that may use them.
var banned = map[string][]string{
	"time.Now": {"platform/clock"}, "time.Since": {"platform/clock"}, "time.Until": {"platform/clock"},
	"time.Sleep": {"platform/clock"}, "time.After": {"platform/clock"}, "time.NewTimer": {"platform/clock"},
	"time.NewTicker": {"platform/clock"}, "time.AfterFunc": {"platform/clock"},
	"http.DefaultClient": nil, "http.Get": nil, "http.Post": nil, "http.DefaultServeMux": nil, "http.HandleFunc": nil, "http.Handle": nil,
	"exec.Command": {"platform/command"}, "exec.CommandContext": {"platform/command"},
	"auth.Authenticated": {"identity"}, "rand.Seed": nil, "os.Getenv": nil, "slog.Default": nil, "slog.SetDefault": nil,
	"prometheus.MustRegister": nil,
}

func TestBannedCallsAreNotMade(t *testing.T) {
	_, all := sources(t)
	var found []string
	for _, s := range all {
		if s.test || outside(s.dir) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, is := n.(*ast.SelectorExpr)
			if !is {
				return true
			}
			pkg, is := sel.X.(*ast.Ident)
			if !is || pkg.Obj != nil {
				return true
			}
			name := pkg.Name + "." + sel.Sel.Name
			may, is := banned[name]
			if is && !slices.ContainsFunc(may, func(dir string) bool { return s.dir == dir || strings.HasPrefix(s.dir, dir+"/") }) {
				found = append(found, fmt.Sprintf("call %s %s", s.path, name))
			}
			return true
		})
	}
	report(t, "call", found)
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	_, all := sources(t)
	documented, found := map[string]bool{}, []string{}
	for _, s := range all {
		if s.test || s.ast.Name.Name == "main" && s.ast.Doc == nil {
			continue
		}
		documented[s.dir] = documented[s.dir] || s.ast.Doc != nil
		for _, d := range s.ast.Decls {
			for _, name := range undocumented(d) {
				found = append(found, fmt.Sprintf("doc %s %s", s.path, name))
			}
		}
	}
	for dir, is := range documented {
		if !is {
			found = append(found, fmt.Sprintf("doc %s package", dir))
		}
	}
	report(t, "doc", found)
}

// undocumented gives the exported names of d that have no comment of their own or of their group.
func undocumented(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exportedReceiver(d)) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
					names = append(names, spec.Name.Name)
				}
			case *ast.ValueSpec:
				if spec.Names[0].IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					names = append(names, spec.Names[0].Name)
				}
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) bool {
	t := d.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.IsExported()
		default:
			return false
		}
	}
}

// The sizes, in lines. Tests may be longer than the code, and the sizes of the
// platform leave comments out: nobody shall save on documentation.
const (
	maxFunction = 60
	maxFile     = 600
	maxPackage  = 900  // of a package in platform/
	maxPlatform = 7330 // of what all services stand on; the design aims at 6000
	maxAdapters = 1700 // of what the platform stands on: its engines and transports together
	maxMethods  = 12   // of an exported interface
)

func TestFunctionsAndFilesStaySmall(t *testing.T) {
	fset, all := sources(t)
	var found []string
	for _, s := range all {
		if s.test {
			continue
		}
		if s.lines > maxFile {
			found = append(found, fmt.Sprintf("size %s file %d lines", s.path, s.lines))
		}
		for _, d := range s.ast.Decls {
			if f, is := d.(*ast.FuncDecl); is {
				if n := length(fset, f); n > maxFunction {
					found = append(found, fmt.Sprintf("size %s %s %d lines", s.path, f.Name.Name, n))
				}
			}
		}
	}
	report(t, "size", found)
}

func length(fset *token.FileSet, n ast.Node) int {
	return fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1
}

func TestPlatformStaysSmall(t *testing.T) {
	_, all := sources(t)
	packages, total, adapted := map[string]int{}, 0, 0
	for _, s := range all {
		if s.test || top(s.dir) != "platform" || strings.HasSuffix(path.Base(s.dir), "test") {
			continue
		}
		packages[s.dir] += s.code
		if isAdapter(s.dir) {
			adapted += s.code
		} else {
			total += s.code
		}
	}
	var found []string
	for dir, n := range packages {
		if n > maxPackage {
			found = append(found, fmt.Sprintf("platform %s package %d lines", dir, n))
		}
	}
	if total > maxPlatform {
		found = append(found, fmt.Sprintf("platform platform total %d lines", total))
	}
	if adapted > maxAdapters {
		found = append(found, fmt.Sprintf("platform adapters total %d lines", adapted))
	}
	report(t, "platform", found)
}

func TestInterfacesStayNarrow(t *testing.T) {
	_, all := sources(t)
	var found []string
	for _, s := range all {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if spec, is := n.(*ast.TypeSpec); is && spec.Name.IsExported() {
				if i, is := spec.Type.(*ast.InterfaceType); is && i.Methods.NumFields() > maxMethods {
					found = append(found, fmt.Sprintf("interface %s %s %d methods", s.path, spec.Name.Name, i.Methods.NumFields()))
				}
			}
			return true
		})
	}
	report(t, "interface", found)
}

func TestPackageNamesSayWhatTheyHold(t *testing.T) {
	_, all := sources(t)
	var found []string
	for _, s := range all {
		if slices.Contains([]string{"util", "utils", "common", "helpers", "base", "types", "models"}, s.ast.Name.Name) {
			found = append(found, fmt.Sprintf("name %s %s", s.path, s.ast.Name.Name))
		}
	}
	report(t, "name", found)
}
