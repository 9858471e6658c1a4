// Package house holds the rules of the house as tests: which package may
// import which, which calls are banned, that everything exported is
// documented, and how long functions, files and platform packages may be.
//
// A finding is one line, "rule path symbol". Those that stand in
// exemptions.txt are let pass; the list may only shrink, so a line there that
// matches nothing any more fails too.
package house
