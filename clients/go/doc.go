// Package meimage is the client of me-images: a person's own reference photos, handed to AI image generation only with
// that person's consent.
//
//	client, err := meimage.Connect("127.0.0.1:50051", meimage.StaticToken(token), meimage.WithPlaintext())
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	stored, err := client.UploadFile(ctx, "me.jpg", meimage.UploadOptions{UserID: "alice"})
//
// The generated clients of both services are its fields Pool and References; their calls get the token, the deadlines and
// the typed errors of this package, too. Every refusal is an *Error: use errors.As, or ReasonOf.
//
// Reads (Get..., List...) are tried up to four times while the server is UNAVAILABLE, and so is Upload, which keeps its
// request_id. Nothing else is repeated: to repeat a mutation, give it a request_id and send the same again.
package meimage
