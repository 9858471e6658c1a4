package httpapi

// Style names the original whose manners an API follows where originals
// differ: list parameters and version documents.
type Style uint8

// The styles.
const (
	Nova Style = iota
	Neutron
	Keystone
	Glance
)

// Document describes a service's version documents: what the prefix answers,
// and the versioned root. Neither asks for a token.
type Document struct {
	Style   Style
	ID      string // "v2.1"
	Status  string // "CURRENT", keystone "stable"
	Updated string // "2013-07-23T11:33:21Z"
}
