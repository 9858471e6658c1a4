// Package token writes and reads tokens in Keystone's Fernet format, and keeps
// the keys they are sealed with.
//
//	keys, err := token.OpenKeys("/var/lib/cumulite/fernet")
//	text, err := keys.Seal(token.Token{UserID: id, Methods: []string{"password"}, …})
//	t, err := keys.Open(text)
//
// A token says who was authenticated, how, for which scope and until when.
// That it opens means that it was sealed here; whether it still holds is asked
// of the identity service.
package token
