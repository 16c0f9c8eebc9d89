package meimage

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"me-images.example/meimage/meimagev1"
)

func TestPlaintextIsForLoopback(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:50051":     true,
		"127.8.9.10:50051":    true,
		"[::1]:50051":         true,
		"localhost:50051":     true,
		"example.org:50051":   false,
		"10.0.0.1:50051":      false,
		"localhost.example:1": false,
		"127.0.0.1.example:1": false,
		"127.1:50051":         false,
		"unix:/run/me":        false,
		"dns:///127.0.0.1:1":  false,
		"[::ffff:10.0.0.1]:1": false,
	} {
		client, err := Connect(address, StaticToken(""), WithPlaintext())
		same(t, address, err == nil, allowed)
		if err == nil {
			_ = client.Close()
		}
		client, err = Connect(address, StaticToken(""), WithAllowPlaintext())
		if err == nil {
			_ = client.Close()
		}
	}
}

func TestWhatConnectRefuses(t *testing.T) {
	for name, options := range map[string][]Option{
		"TLS and plaintext":         {WithTLS(TLS{}), WithPlaintext()},
		"a CA that is none":         {WithTLS(TLS{CA: []byte("nonsense")})},
		"a certificate without key": {WithTLS(TLS{Certificate: []byte("nonsense")})},
	} {
		if _, err := Connect("localhost:1", StaticToken(""), options...); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := Connect("localhost:1", nil); err == nil {
		t.Error("no token function was taken")
	}
}

// certified makes a certificate for a name, signed by itself, and its key, in PEM.
func certified(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	written, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: written})
}

func TestBothSidesShowTheirCertificates(t *testing.T) {
	certificate, key := certified(t, "me-images.test")
	ours, oursKey := certified(t, "backend")
	pair, err := tls.X509KeyPair(certificate, key)
	must(t, err)
	callers := x509.NewCertPool()
	callers.AppendCertsFromPEM(ours)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: callers, ClientAuth: tls.RequireAndVerifyClientCert,
	})))
	var calls record[string]
	meimagev1.RegisterMeImageServiceServer(server, failing(&calls))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	trusting := TLS{CA: certificate, Certificate: ours, Key: oursKey, ServerName: "me-images.test"}
	for _, c := range []struct {
		name string
		with TLS
		code codes.Code
	}{
		{"both", trusting, codes.OK},
		{"the roots of the system", TLS{ServerName: "me-images.test"}, codes.Unavailable},
		{"another name", TLS{CA: certificate, Certificate: ours, Key: oursKey}, codes.Unavailable},
		{"nothing of ours", TLS{CA: certificate, ServerName: "me-images.test"}, codes.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := Connect(listener.Addr().String(), StaticToken("a-token"), WithTLS(c.with))
			must(t, err)
			defer client.Close()
			_, err = client.Pool.SetPrimary(context.Background(), &meimagev1.SetPrimaryRequest{})
			if c.code == codes.OK {
				must(t, err)
				return
			}
			refusedAs(t, err, c.code, "")
		})
	}
}
