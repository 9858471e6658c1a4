package computeapi

import (
	"github.com/cumulite/cumulite/compute"
	"github.com/cumulite/cumulite/platform/errs"
	"github.com/cumulite/cumulite/platform/httpapi"
	"github.com/cumulite/cumulite/platform/secret"
)

type rebuildBody struct {
	Rebuild struct {
		ImageRef     string                          `json:"imageRef" api:"required,format=uuid"`
		Name         *name                           `json:"name"`
		Description  httpapi.Optional[printable]     `json:"description" since:"2.19" api:"nullable,max=255"`
		AdminPass    secret.String                   `json:"adminPass"`
		Metadata     *metadata                       `json:"metadata"`
		Ephemeral    boolean                         `json:"preserve_ephemeral"` // nothing is kept over a rebuild: refused
		DiskConfig   *string                         `json:"OS-DCF:diskConfig" api:"enum=AUTO|MANUAL"`
		AccessIPv4   *string                         `json:"accessIPv4" api:"format=ipv4"`
		AccessIPv6   *string                         `json:"accessIPv6" api:"format=ipv6"`
		Personality  []personality                   `json:"personality" until:"2.56"`
		KeyName      httpapi.Optional[string]        `json:"key_name" since:"2.54" api:"nullable,min=1,max=255"`
		UserData     httpapi.Optional[secret.String] `json:"user_data" since:"2.57" api:"nullable,max=65535"`
		Certificates *[]string                       `json:"trusted_image_certificates" since:"2.63" api:"nullable,min=1,max=50"`
		Hostname     *string                         `json:"hostname" since:"2.90" api:"min=1,max=255,pattern=^[a-zA-Z0-9-._]*$"`
	} `json:"rebuild" api:"required"`
}

// rebuildAnswer is what only the answer to a rebuild has of a server.
type rebuildAnswer struct {
	AdminPass string  `json:"adminPass"`
	UserData  *string `json:"user_data" since:"2.57"`
}

// The answer's server, by who asks and in which microversion.
type (
	rebuiltCore struct {
		serverCore
		rebuildAnswer
		KeyName *string `json:"key_name" since:"2.54"`
	}
	rebuiltOwn struct {
		ownServer
		rebuildAnswer
	}
	rebuiltPlaced struct {
		placedServer
		rebuildAnswer
	}
)

func (h handler) rebuild(r *httpapi.Request, in *rebuildBody) (any, error) {
	b := &in.Rebuild
	change := compute.RebuildServer{ImageID: b.ImageRef, Name: (*string)(b.Name), Description: nullableText(b.Description), Hostname: b.Hostname, KeyName: nullable(b.KeyName),
		UserData: nullable(b.UserData), AccessIPv4: b.AccessIPv4, AccessIPv6: b.AccessIPv6, DiskConfig: b.DiskConfig, Metadata: deref(b.Metadata)}
	switch {
	case b.Certificates != nil:
		return nil, errs.Invalidf("Image certificates are not validated here: trusted_image_certificates must be null.")
	case bool(b.Ephemeral):
		return nil, errs.Invalidf("The current driver does not support preserving ephemeral partitions.")
	}
	if err := checkHostname(r, deref(b.Hostname)); err != nil {
		return nil, err
	}
	var err error
	if change.Personality, err = files(b.Personality); err != nil {
		return nil, err
	}
	s, err := h.compute.RebuildServer(r.Ctx(), r.PathValue("server_id"), change)
	if err != nil {
		return nil, err
	}
	r.Header().Set("Location", r.URLFor("/servers/"+s.ID))
	return h.showRebuilt(r, s, adminPass(b.AdminPass))
}

func (h handler) showRebuilt(r *httpapi.Request, s *compute.Server, password string) (any, error) {
	v, err := h.viewOne(r, s)
	if err != nil {
		return nil, err
	}
	data, err := h.compute.UserDataOf(r.Ctx(), []compute.Server{*s})
	if err != nil {
		return nil, err
	}
	answer := rebuildAnswer{AdminPass: password, UserData: ref(data[s.ID])}
	switch shown := v.changed(s).(type) {
	case ownServer:
		return serverBody{rebuiltOwn{shown, answer}}, nil
	case placedServer:
		shown.UserData = maybe[*string]{}
		return serverBody{rebuiltPlaced{shown, answer}}, nil
	default:
		return serverBody{rebuiltCore{shown.(serverCore), answer, ref(s.KeyName)}}, nil
	}
}
