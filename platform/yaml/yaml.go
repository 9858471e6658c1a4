// Package yaml reads the small YAML documents that people write: a daemon's
// configuration, a policy file. It is the only user of the YAML library.
//
//	var c struct{ Listen string }
//	err := yaml.Decode(data, &c)
package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// The bounds of a document.
const (
	MaxSize    = 1 << 20 // bytes
	MaxDepth   = 64      // levels of lists and mappings
	MaxAliased = 1000    // values that aliases stand for, all together
)

// Decode reads the one document that data holds into the struct, map or any
// that into points to. A document without content leaves it as it is.
//
// A key that stands twice, a key that the struct has no field for, a tag, a
// second document and whatever passes the bounds is an error, which names the
// line. Tags are refused because "rule: !" would otherwise read as the empty
// string and not as the exclamation mark that its writer saw.
func Decode(data []byte, into any) error {
	if len(data) > MaxSize {
		return fmt.Errorf("the document is larger than %d bytes", MaxSize)
	}
	doc, err := compose(data)
	if err != nil || doc == nil {
		return err
	}
	if err := refuseTags(doc); err != nil {
		return err
	}
	return plain(doc.Load(into, yaml.WithKnownFields(), limits()))
}

// compose parses data into nodes; nil when there is no document.
func compose(data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data), limits())
	if err != nil {
		return nil, err
	}
	var doc, next yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, plain(err)
	}
	switch err := loader.Load(&next); {
	case errors.Is(err, io.EOF):
		return &doc, nil
	case err != nil:
		return nil, plain(err)
	}
	return nil, fmt.Errorf("line %d: a second document begins", next.Line)
}

func limits() yaml.Option {
	return yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth), loaderlimits.AliasValue(MaxAliased)))
}

func refuseTags(n *yaml.Node) error {
	if n.Style&yaml.TaggedStyle != 0 || n.Tag == "!" {
		return fmt.Errorf("line %d: tags are not taken: quote a value that begins with an exclamation mark", n.Line)
	}
	for _, child := range n.Content {
		if err := refuseTags(child); err != nil {
			return err
		}
	}
	return nil
}

// plain says what the library found in words for the document's writer.
func plain(err error) error {
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		lines := make([]string, len(many.Errors))
		for i, e := range many.Errors {
			lines[i] = sentence(e)
		}
		return errors.New(strings.Join(lines, "; "))
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return errors.New(sentence(one))
	}
	return err
}

func sentence(e *yaml.LoadError) string {
	if e.Mark.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Mark.Line, e.Message)
}
