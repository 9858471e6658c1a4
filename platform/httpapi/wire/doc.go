// Package wire turns the structs of an API into JSON and back, by their tags:
//
//	json:"name,omitempty"        as in encoding/json
//	since:"2.19" until:"2.36"    the microversions that have the field, both ends included
//	api:"required,min=1,max=255,enum=a|b,format=uuid,pattern=^x$,nullable,readonly,inline"
//
// Encode writes a value as a microversion shows it, Schema says what a
// microversion takes, and Decode fills a struct from a document that was
// checked against it.
package wire
