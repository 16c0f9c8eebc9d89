package meimage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"me-images.example/meimage/meimagev1"
)

const errorDomain = "meimage"

// An Error is a call that was refused or failed. It has a gRPC status, so that status.Code and status.FromError work on it.
type Error struct {
	// Code is the gRPC status.
	Code codes.Code
	// Reason is the name of an ErrorReason without its prefix, for example "CONSENT_NOT_GIVEN". Empty where the server did
	// not answer: a lost connection, a deadline, bytes that are not those that were announced.
	Reason string
	// Message is a sentence for people; it may change.
	Message string
	// RequestID is that of the server's log line; empty where the server did not answer.
	RequestID string
	// FieldViolations are the bad fields, with INVALID_FIELDS.
	FieldViolations []FieldViolation
	// Refusals are the references that a release was refused for.
	Refusals []Refusal
	// RetryAfter is how long a busy server wants to be left alone before it is asked again; 0 where it does not say.
	RetryAfter time.Duration

	status *status.Status
	cause  error
}

// A FieldViolation is one bad field of a request.
type FieldViolation struct {
	// Field is its path, for example "header.new_me_image.kind".
	Field string
	// Description says what it must be.
	Description string
}

// A Refusal is one reference that may not be released.
type Refusal struct {
	// Subject is the me_image_id as it was asked for, or the name of the slot.
	Subject string
	// Reason is the name of an ErrorReason without its prefix.
	Reason string
}

// Error tells the reason or the code, the message, the bad fields and refusals, and the request_id; never a token or bytes.
func (e *Error) Error() string {
	name := e.Reason
	if name == "" {
		name = e.Code.String()
	}
	parts := []string{"meimage: " + name + ": " + e.Message}
	for _, each := range e.FieldViolations {
		parts = append(parts, each.Field+" "+each.Description)
	}
	for _, each := range e.Refusals {
		parts = append(parts, each.Subject+" "+each.Reason)
	}
	text := strings.Join(parts, "; ")
	if e.RequestID != "" {
		text += " (request_id " + e.RequestID + ")"
	}
	return text
}

// Unwrap gives what lies behind, if anything: context.Canceled, context.DeadlineExceeded, or the error of a token function
// or of the source of an upload.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus gives the status as it came, with all its details.
func (e *Error) GRPCStatus() *status.Status {
	if e.status != nil {
		return e.status
	}
	return status.New(e.Code, e.Message)
}

// ReasonOf gives the reason of an error of this package as the contract's enum: ERROR_REASON_UNSPECIFIED for any other error,
// for one without a reason, and for a reason that this version does not know, which Error.Reason still has.
func ReasonOf(err error) meimagev1.ErrorReason {
	var refused *Error
	if !errors.As(err, &refused) {
		return meimagev1.ErrorReason_ERROR_REASON_UNSPECIFIED
	}
	return meimagev1.ErrorReason(meimagev1.ErrorReason_value["ERROR_REASON_"+refused.Reason])
}

// typed makes an *Error of whatever a call failed with; nil, the end of a stream and an *Error stay what they are.
func typed(ctx context.Context, conn *grpc.ClientConn, err error) error {
	if err == nil || atEnd(err) {
		return err
	}
	if already, ok := err.(*Error); ok {
		return already
	}
	told := status.Convert(err)
	made := &Error{Code: told.Code(), Message: told.Message(), status: told}
	for _, detail := range told.Details() {
		made.take(detail)
	}
	if made.Reason == "" {
		made.cause = ended(ctx, made.Code)
	}
	if made.isCut() && conn.GetState() != connectivity.Shutdown {
		made.Code, made.status = codes.Unavailable, status.New(codes.Unavailable, made.Message)
	}
	return made
}

// isCut tells a call that nobody here has cancelled: a server that had not answered it when it ended.
func (e *Error) isCut() bool {
	return e.Code == codes.Canceled && e.Reason == "" && e.cause == nil
}

// ended gives the error of the context that a call ended with. A deadline is the caller's, even where the server saw it
// pass first; a cancellation may be the server's.
func ended(ctx context.Context, code codes.Code) error {
	switch code {
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.Canceled:
		return ctx.Err()
	default:
		return nil
	}
}

func (e *Error) take(detail any) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		if detail.GetDomain() == errorDomain {
			e.Reason, e.RequestID = detail.GetReason(), detail.GetMetadata()["request_id"]
		}
	case *errdetails.BadRequest:
		for _, each := range detail.GetFieldViolations() {
			e.FieldViolations = append(e.FieldViolations, FieldViolation{each.GetField(), each.GetDescription()})
		}
	case *errdetails.PreconditionFailure:
		for _, each := range detail.GetViolations() {
			e.Refusals = append(e.Refusals, Refusal{each.GetSubject(), each.GetType()})
		}
	case *errdetails.RetryInfo:
		e.RetryAfter = max(0, detail.GetRetryDelay().AsDuration())
	}
}

// damaged tells that what came is not what was announced.
func damaged(format string, words ...any) error {
	return &Error{Code: codes.DataLoss, Message: fmt.Sprintf(format, words...)}
}
