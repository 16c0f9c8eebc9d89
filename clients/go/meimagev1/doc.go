// Package meimagev1 is the contract meimage.v1 as generated from protos/meimage/v1, whose comments it carries. Package
// meimage connects its clients, so that most programs take only messages and enums from here.
package meimagev1
