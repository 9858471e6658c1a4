// Package fernet makes and reads tokens in the format of Keystone's Fernet
// provider: a Keystone with the same keys reads ours, and we read its own.
//
//	keys, err := fernet.Open("/var/lib/cumulite/fernet-keys")
//	text, err := keys.Seal(fernet.Token{UserID: id, Methods: []string{"password"}, ProjectID: project, …})
//	token, err := keys.Read(text)
//
// A token is a MessagePack list whose first number says what it is scoped to,
// encrypted and signed as the Fernet specification says. The time of issue, in
// whole seconds, is part of that envelope. Nothing of a token is stored.
package fernet
