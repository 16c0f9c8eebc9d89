package meimage

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// An Option changes how Connect connects.
type Option func(*choices)

type choices struct {
	tls                *TLS
	plaintext          bool
	plaintextElsewhere bool
	dial               []grpc.DialOption
	pace               pace
}

// TLS says whom to trust and who we are, in PEM. Everything may be left out.
type TLS struct {
	// CA holds the certificates that may sign the server's; left out: the roots of the system.
	CA []byte
	// Certificate and Key are ours, where the server asks for them; either both or none.
	Certificate, Key []byte
	// ServerName is the name in the server's certificate where it is not the host of the address.
	ServerName string
}

// WithTLS connects with the given certificates. Without this option and without WithPlaintext, TLS trusts the roots of the
// system.
func WithTLS(with TLS) Option {
	return func(c *choices) { c.tls = &with }
}

// WithPlaintext connects without TLS, which sends the token readable. Connect refuses it for an address that is not
// loopback (127.0.0.0/8, ::1, localhost); see WithAllowPlaintext.
func WithPlaintext() Option {
	return func(c *choices) { c.plaintext = true }
}

// WithAllowPlaintext connects without TLS to any address: only where something else protects the connection, for example
// a service mesh.
func WithAllowPlaintext() Option {
	return func(c *choices) { c.plaintext, c.plaintextElsewhere = true, true }
}

// WithDialOptions adds options of grpc-go, for example a stats handler of OpenTelemetry; they come after those of this
// package and so replace them where both set the same.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(c *choices) { c.dial = append(c.dial, options...) }
}

func (c *choices) transport(address string) (credentials.TransportCredentials, error) {
	if c.plaintext {
		if c.tls != nil {
			return nil, errors.New("meimage: either TLS or plaintext, not both")
		}
		if !c.plaintextElsewhere && !isLoopback(address) {
			return nil, errors.New("meimage: plaintext would send the token readable over the network: " +
				"use TLS, or WithAllowPlaintext where something else protects the connection")
		}
		return insecure.NewCredentials(), nil
	}
	if c.tls == nil {
		return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}), nil
	}
	config, err := c.tls.config()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(config), nil
}

func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if len(t.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, errors.New("meimage: CA holds no certificate in PEM")
		}
	}
	if len(t.Certificate) > 0 || len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, fmt.Errorf("meimage: certificate and key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
