// Package cloudclient speaks to a running cloud as one who operates it.
//
//	c := &cloudclient.Client{AuthURL: "https://cloud.example/identity", User: "admin", Project: "admin", Password: password}
//	report, err := c.Doctor(ctx, cloudapi.Order{Repair: true})
package cloudclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cumulite/cumulite/cloud/cloudapi"
	"github.com/cumulite/cumulite/platform/secret"
)

// Client is one user of the default domain, with a project.
type Client struct {
	AuthURL       string // what clouds.yaml calls auth_url, "https://cloud.example/identity"
	User, Project string
	Password      secret.String
	// CA are certificates, PEM, that the cloud's may be signed by or be. None:
	// the machine's are trusted.
	CA []byte
}

// Doctor has the cloud examined, and repaired when that is ordered.
func (c *Client) Doctor(ctx context.Context, o cloudapi.Order) (cloudapi.Report, error) {
	var report cloudapi.Report
	token, err := c.login(ctx)
	if err != nil {
		return report, err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return report, err
	}
	_, err = c.call(ctx, strings.TrimSuffix(c.AuthURL, "/identity")+"/cumulite/v1/doctor", token, body, &report)
	return report, err
}

// login gives a token.
func (c *Client) login(ctx context.Context) (string, error) {
	type object = map[string]any
	domain := object{"id": "default"}
	body, err := json.Marshal(object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{"name": c.User, "domain": domain, "password": c.Password.Reveal()}}},
		"scope":    object{"project": object{"name": c.Project, "domain": domain}},
	}})
	if err != nil {
		return "", err
	}
	header, err := c.call(ctx, c.AuthURL+"/v3/auth/tokens", "", body, nil)
	return header.Get("X-Subject-Token"), err
}

// maxAnswer bounds an answer: a report of a hundred thousand findings is 30 MB.
const maxAnswer = 256 << 20

// call posts body, and reads an answer of success into out, unless that is nil.
func (c *Client) call(ctx context.Context, url, token string, body []byte, out any) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("X-Auth-Token", token)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if len(c.CA) > 0 {
		transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(c.CA)
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, fmt.Errorf("the cloud cannot be reached: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s answers %s", url, answer.Status)
	}
	if out == nil {
		return answer.Header, nil
	}
	return answer.Header, json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out)
}
