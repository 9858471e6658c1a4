// Package wire is what both ends of platform/rpc/nats do alike: a Caller that
// sends requests and waits for their answers, a Responder that runs them.
//
// All subjects of a host begin with its name, so that one rule for each
// direction is all the rights it needs:
//
//	host.NAME.call.do      a request to the host        host.NAME.call.cancel      its caller has given up
//	host.NAME.answer.ID.N  what the host answers        (ID: one caller, N: one request)
//	host.NAME.answer.all.anew  it is connected, as the process that the body names
//	host.NAME.up.do        a request of the host        host.NAME.up.cancel
//	host.NAME.reply.ID.N   what a controller answers
//
// A request says its method and how long its caller waits in headers; the
// body is what rpc encoded. The reply subject names the call, in a cancel too.
package wire

import (
	"net/url"
	"strings"
	"time"
)

const (
	// MaxMessage is the size of the largest request and the largest answer, in bytes.
	MaxMessage = maxPayload - 4<<10 // the rest is for headers
	maxPayload = 8 << 20
	// MaxPayload is MaxMessage with its headers: what servers have to let through.
	MaxPayload = maxPayload
	// MaxWait bounds a call whose caller has no deadline, or one further away.
	MaxWait = time.Hour
	// MaxRunning is how many calls of one host run at the same time; more are refused at once.
	MaxRunning = 512
	// Ping is how often an idle connection is probed.
	Ping = 2 * time.Second
	// MissedPings is how many answers may be outstanding: a peer that vanished is
	// noticed within Ping*(MissedPings+1).
	MissedPings = 2
)

// What waits at one end at most; more is lost, as its callers then see. Nothing
// waits where it arrives, so only a flood comes so far.
const (
	maxQueued      = 1 << 17
	maxQueuedBytes = 256 << 20
)

const (
	headerMethod = "Method"
	headerWait   = "Wait" // microseconds
	verbDo       = ".do"
	verbCancel   = ".cancel"
)

// Direction is who calls whom.
type Direction struct{ request, answer string }

// The directions.
var (
	Down = Direction{"call", "answer"} // a controller calls a host
	Up   = Direction{"up", "reply"}    // a host calls any controller
)

// AllHosts stands for the name of every host in a pattern of subjects. No host has this name.
const AllHosts = ""

// Requests is the subject of requests to or from host, without its verb.
func (d Direction) Requests(host string) string { return "host." + token(host) + "." + d.request }

// Answers is what the subjects of answers from or to host begin with.
func (d Direction) Answers(host string) string { return "host." + token(host) + "." + d.answer + "." }

// anew follows Answers in the subject by which a host says that it is connected,
// and as which process: what another was asked it does not answer.
const anew = "all.anew"

// Anew is that subject.
func (d Direction) Anew(host string) string { return d.Answers(host) + anew }

// Do is the subject of requests that something shall be done.
func (d Direction) Do(host string) string { return d.Requests(host) + verbDo }

// token is host's name as one part of a subject.
func token(host string) string {
	if host == AllHosts {
		return "*"
	}
	return strings.ReplaceAll(url.PathEscape(host), ".", "%2E")
}

// hostOf gives the host that subject is of: the inverse of token.
func hostOf(subject string) string {
	parts := strings.SplitN(subject, ".", 3)
	if len(parts) < 3 {
		return ""
	}
	host, _ := url.PathUnescape(parts[1])
	return host
}
