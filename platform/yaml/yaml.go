// Package yaml reads small YAML documents that people write: configuration
// and policy files.
package yaml

import "go.yaml.in/yaml/v4"

// Decode reads one YAML document into the value that into points to.
func Decode(data []byte, into any) error { return yaml.Unmarshal(data, into) }
