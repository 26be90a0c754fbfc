#!/usr/bin/perl
# thumbnail - makes an image smaller, with ImageMagick
#
# Event: {"image": "<base64>", "width": 200, "height": 200, "format": "png"}: the largest size it may have; width and height
# are 200 and the format is png unless given (png, jpeg, webp, gif). The image keeps its proportions and is never enlarged.
# Result: {"contentType", "width", "height", "bytes", "data": "<base64>"}
use strict;
use warnings;

use File::Temp ();
use JSON::PP   ();
use MIME::Base64 qw(decode_base64 encode_base64);

# What ImageMagick may take an upload for, by its first bytes, is decided here and said in front of the file name: it
# knows formats that read other files or run programs.
my @kinds = (
    [ png  => qr/\A\x89PNG\r\n\x1a\n/ ],
    [ jpeg => qr/\A\xff\xd8\xff/ ],
    [ gif  => qr/\AGIF8[79]a/ ],
    [ webp => qr/\ARIFF....WEBP/s ],
);

sub refuse {
    print STDERR "thumbnail: @_\n";
    exit 65;    # EX_DATAERR: to try again would not help
}

sub fail {
    print STDERR "thumbnail: @_\n";
    exit 1;
}

sub progress {
    my ($percent, $words) = @_;
    my $number = $ENV{JOBGATE_PROGRESS_FD} or return;
    open my $out, '>&=', $number or return;
    syswrite $out, "$percent $words\n";
}

sub read_event {
    local $/;
    my $envelope = eval { JSON::PP->new->decode(<STDIN> // '') };
    refuse('standard input is no {"jobId":"...","body":...}') unless ref $envelope eq 'HASH' && exists $envelope->{body};
    my $body = $envelope->{body};
    refuse('the event is {"image": "<base64>"}') unless ref $body eq 'HASH' && defined $body->{image} && !ref $body->{image};
    return $body;
}

sub size {
    my ($body, $name) = @_;
    my $size = $body->{$name} // 200;
    refuse(qq{"$name" is a number from 1 to 4000}) unless $size =~ /\A[1-9][0-9]{0,3}\z/ && $size <= 4000;
    return $size;
}

sub image {
    my ($body) = @_;
    my $text = $body->{image};
    $text =~ tr/ \t\r\n//d;
    refuse('"image" is not base64') unless $text =~ m{\A[A-Za-z0-9+/]+={0,2}\z} && length($text) % 4 == 0;
    my $bytes = decode_base64($text);
    for my $kind (@kinds) {
        return ($kind->[0], $bytes) if $bytes =~ $kind->[1];
    }
    refuse('"image" is neither PNG, JPEG, GIF nor WebP');
}

# Runs ImageMagick; the words it wrote go to the job's log. A picture that it cannot read is the event's fault.
sub convert {
    my ($kind, $file, $width, $height, $format, $result) = @_;
    my @limits = qw(-limit memory 256MiB -limit map 512MiB -limit disk 1GiB -limit width 20KP -limit height 20KP);
    # [0]: of an animation the first picture.
    my @command = ('convert', @limits, "$kind:${file}[0]", '-auto-orient', '-thumbnail', "${width}x${height}>", "$format:$result");
    system { $command[0] } @command;
    fail("convert cannot be run: $!") if $? == -1;
    fail('convert was ended by signal ' . ($? & 127)) if $? & 127;
    refuse('the image cannot be read') if $? != 0;
}

sub identify {
    my ($format, $file) = @_;
    open my $pipe, '-|', 'identify', '-format', '%w %h', "$format:$file" or fail("identify cannot be run: $!");
    my ($width, $height) = split ' ', <$pipe> // '';
    close $pipe && $height or fail('identify failed');
    return ($width + 0, $height + 0);
}

my $body = read_event();
my ($width, $height) = (size($body, 'width'), size($body, 'height'));
my $format = $body->{format} // 'png';
refuse('"format" is png, jpeg, webp or gif') unless $format =~ /\A(?:png|jpeg|webp|gif)\z/;
my ($kind, $bytes) = image($body);

my $folder = File::Temp->newdir();    # in TMPDIR, which Jobgate makes for the attempt
my ($file, $result) = ("$folder/image", "$folder/result");
open my $out, '>:raw', $file or fail("$file: $!");
print {$out} $bytes or fail("$file: $!");
close $out or fail("$file: $!");

progress(20, "resizing a $kind of " . length($bytes) . ' bytes');
convert($kind, $file, $width, $height, $format, $result);
progress(80, 'reading the result');
my ($new_width, $new_height) = identify($format, $result);
open my $in, '<:raw', $result or fail("$result: $!");
my $small = do { local $/; <$in> };

print JSON::PP->new->canonical->encode({
    contentType => "image/$format",
    width       => $new_width,
    height      => $new_height,
    bytes       => length $small,
    data        => encode_base64($small, ''),
}), "\n";
